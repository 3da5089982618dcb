"""fake-ssh and fake-sshd: a scripted ssh client for tests, and an SSH server on loopback (contract 8.6)."""
