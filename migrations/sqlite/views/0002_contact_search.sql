-- Any part of three or more characters of a contact's folded text, found by its trigrams. The text stays in contacts; the
-- triggers keep the index to it. Only a change of the text itself writes here, not every message that moves last_activity_at.

create virtual table contacts_search using fts5 (
    search,
    content = 'contacts',
    content_rowid = 'row_number',
    columnsize = 0,
    tokenize = 'trigram case_sensitive 1'
);

create trigger contacts_search_inserted after insert on contacts begin
    insert into contacts_search (rowid, search) values (new.row_number, new.search);
end;

create trigger contacts_search_updated after update of search on contacts when old.search is not new.search begin
    insert into contacts_search (contacts_search, rowid, search) values ('delete', old.row_number, old.search);
    insert into contacts_search (rowid, search) values (new.row_number, new.search);
end;

create trigger contacts_search_deleted after delete on contacts begin
    insert into contacts_search (contacts_search, rowid, search) values ('delete', old.row_number, old.search);
end;
