"""What will one pass do: the plan, its actions by kind, and its holds."""
