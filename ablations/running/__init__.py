"""From a study to its results: what is planned and not stored goes to an engine, in rounds."""
