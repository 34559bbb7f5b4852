"""The engine of the compatibility matrix: from ``matrix.toml`` to records, timelines and verdicts.

The way of the data, one module a step::

    matrix.toml -> cells -> lock -> environment -> probes -> record -> results -> timeline -> report
"""
