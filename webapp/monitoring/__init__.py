"""What shows how email is doing: charts on Home, metrics, and the alarm when nothing goes out."""
