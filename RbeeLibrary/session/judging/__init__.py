"""What a session finds out about its fleet: rules, evidence of failures, chaos."""
