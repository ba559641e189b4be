"""What users do to their own account."""
