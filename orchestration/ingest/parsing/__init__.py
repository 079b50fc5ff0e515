"""What readers of several formats share: chunks, headers, text streams, line numbers and quotes. No reader is here."""
