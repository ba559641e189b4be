"""Work on many users at once, in the background, in chunks: bulk jobs, their progress and their report."""
