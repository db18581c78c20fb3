"""Running of studies: from the planned trials to stored results, in rounds."""
