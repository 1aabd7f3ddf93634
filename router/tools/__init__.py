"""Tools that question a policy; each is a function first, a command second."""
