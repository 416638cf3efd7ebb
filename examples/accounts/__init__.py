"""People register, verify their address and look after their accounts; mail is printed."""
