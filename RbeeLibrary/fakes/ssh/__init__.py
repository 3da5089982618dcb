"""fake-ssh and fake-sshd: the ssh client of a test, and an SSH server on loopback (contract 8.6)."""
