"""The renderings of a report; each module takes the model and gives a text."""
