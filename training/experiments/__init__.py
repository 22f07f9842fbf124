"""What was compared before choosing: variants, slang, other tasks."""
