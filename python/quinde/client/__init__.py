"""The client's end: sessions, connectors, requests and responses. It never imports the server's end."""
