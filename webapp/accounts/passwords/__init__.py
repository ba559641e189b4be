"""What passwords have to satisfy, and how they are stored."""
