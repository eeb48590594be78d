"""What serves the dashboard: addresses, limits, health, secrets, the services that all tabs share."""
