"""What the stories stand on: a server of their own, a web chat visitor, raw HTTP, and real MCP clients behind one face."""
