# Man pages.
dist_man_MANS += %D%/dotsch-block.8
dist_man_MANS += %D%/dotsch-lines.5
dist_man_MANS += %D%/dotsch.7
dist_man_MANS += %D%/dotsch-serverd.8
dist_man_MANS += %D%/dotsch-client.1
dist_man_MANS += %D%/dotsch.conf.5
dist_man_MANS += %D%/dotsch-map.1
