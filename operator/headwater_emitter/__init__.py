"""The emitter: takes the events of a pod or a host, keeps them on disk, and delivers them to the server."""
