"""What commands print for people: results turned into tables and lines. Nothing is computed or looked up here."""
