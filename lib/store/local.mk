# The SQLite adapter: its library is made when its first user comes.
