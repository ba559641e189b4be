"""Configuration as code: settings that a TOML file declares are applied through the services, and locked."""
