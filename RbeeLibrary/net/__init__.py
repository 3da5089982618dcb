"""TCP and HTTP between the programs of a run, with limits on the run's clock."""
