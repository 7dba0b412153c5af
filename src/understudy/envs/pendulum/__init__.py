"""The inverted pendulum on a cart, and the controller that balances it."""
