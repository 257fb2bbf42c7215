"""A network learns a task within a budget."""
