# dotsch-client
