"""Rules over the records of a whole fleet, and what they find."""
