"""What passwords have to be, and how they are kept."""
