"""What commands share: arguments, how they end, what they show."""
