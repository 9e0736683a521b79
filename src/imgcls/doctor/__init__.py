"""What on this machine would keep a run from working, each finding with what mends it."""
