"""The process between a kernel and its workers: it plans, schedules and drives calls, in one event loop."""
