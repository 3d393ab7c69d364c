# dotsch-map
