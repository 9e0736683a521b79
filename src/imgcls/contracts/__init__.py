"""What every model should keep, whatever it was trained for."""
