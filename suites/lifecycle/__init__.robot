*** Settings ***
Documentation       How programs start, live and end: ports, loading, health, idle timeout, crashes, shutdown, and the run's clock.
