"""What Headwater does: one function or small class for one intent, each at the edge of a transaction."""
