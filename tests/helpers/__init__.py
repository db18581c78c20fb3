"""Modules that several tests share: stub builders, stub trials, programs."""
