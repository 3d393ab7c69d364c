# dotsch-serverd
