"""The recipe of the embedded model `mini`: clips, autoencoder, text encoder, RGB base, joint RGBA, export."""
