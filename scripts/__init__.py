"""The engine of the compatibility matrix: from ``matrix.toml`` to records, timelines and verdicts.

The data flows one way::

    matrix.toml -> cells -> lock -> environment -> suite -> record -> results -> timeline -> report
"""
