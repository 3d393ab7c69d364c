# Man pages.
dist_man_MANS += %D%/dotsch-lines.5
dist_man_MANS += %D%/dotsch.7
