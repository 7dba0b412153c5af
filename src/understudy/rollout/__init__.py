"""An actor drives an environment: one episode, or many in parallel."""
