"""From records to timelines, change points and the model that every view renders."""
