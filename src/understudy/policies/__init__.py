"""The policies. Each is two verbs (`loss`, `predict`) and a configuration that builds it; none imports another."""
