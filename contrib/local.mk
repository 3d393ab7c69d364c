# Demo, quickstart and integrations.
