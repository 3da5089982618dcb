*** Settings ***
Documentation       Start, life and end of programs: ports, loading, health, idle timeout, crashes, shutdown, the run's clock.
