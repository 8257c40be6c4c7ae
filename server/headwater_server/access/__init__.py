"""Who calls, behind the ports of the domain: static tokens, those of issuers, certificates, and their files."""
