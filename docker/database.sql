-- What the image runs once, when the database is new: the service's own role, and its database.
-- Superusers, as the image's own user is one, pass by the walls between projects.
\getenv password POSTGRES_PASSWORD
CREATE ROLE glideslope LOGIN PASSWORD :'password';
CREATE DATABASE glideslope OWNER glideslope;
