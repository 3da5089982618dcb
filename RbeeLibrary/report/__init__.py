"""What a person sees in log.html."""
