//! Saving a search under a name, and what is done with such a view later. Whoever saved it does that, and nobody else.

use crate::{
    base::ids::Id,
    edge::http::{
        Needs, Place, Route,
        frame::Note,
        rights::Right,
        site::store_is_away,
        views,
        visit::{Fields, Visitor},
    },
    store::embedded::{NewView, Renamed, Saved, ViewPage},
};
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
    routing::post,
};

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::act("/views/save", "save a search under a name", Needs::Right(Right::Look), || {
        post(save)
    }),
    Route::act(
        "/views/change",
        "rename, share or remove a saved search",
        Needs::Right(Right::Look),
        || post(change),
    ),
];

/// Where the form stood.
fn back(site: &Place, fields: &Fields) -> String {
    let page = ViewPage::from_word(fields.get("page")).unwrap_or(ViewPage::Held);
    let query = views::clean(site, page, fields.get("query")).unwrap_or_default();
    let apart = if query.is_empty() { "" } else { "?" };
    format!("{}{apart}{query}", views::path(page))
}

async fn save(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let done = saved(&site, &visitor, &fields).await;
    site.note(&visitor, done.map_or_else(Note::failed, Note::done));
    Redirect::to(&back(&site, &fields)).into_response()
}

async fn saved(site: &Place, visitor: &Visitor, fields: &Fields) -> Result<String, String> {
    let page = ViewPage::from_word(fields.get("page")).ok_or("There is no such list.")?;
    let name = views::name(fields.get("name"))?;
    let view = NewView {
        id: site.gateway().new_id(),
        page,
        name: name.clone(),
        query: views::to_save(site, page, fields.get("query"))?,
        shared: fields.get("shared") == "yes",
        replace: fields.get("replace") == "yes",
    };
    let entry = views::entry(visitor, "save", &name);
    let accounts = &site.gateway().stores.accounts;
    let act = async {
        let saved = accounts.save_view(&visitor.account.name, view).await;
        let saved = saved.map_err(|error| store_is_away(&error).to_string())?;
        match saved {
            Saved::Yes(_) => Ok(()),
            Saved::Taken => Err(format!(
                "You have a view “{name}” already, and it was left as it is: save this one under another name, or say that it takes the \
                 other one's place."
            )),
            Saved::Full => {
                Err("You have as many views as one may have: remove one first.".to_string())
            }
        }
    };
    site.recorded(visitor, vec![entry], act).await?;
    Ok(format!("Saved as {name}."))
}

async fn change(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let done = changed(&site, &visitor, &fields).await;
    site.note(&visitor, done.map_or_else(Note::failed, Note::done));
    Redirect::to(&back(&site, &fields)).into_response()
}

async fn changed(site: &Place, visitor: &Visitor, fields: &Fields) -> Result<String, String> {
    let id = Id::parse(fields.get("id")).map_err(|_| MISSING)?;
    let act = fields.get("do");
    let (accounts, owner) = (&site.gateway().stores.accounts, &visitor.account.name);
    let name = match act {
        "rename" => views::name(fields.get("name"))?,
        "share" | "unshare" | "delete" => String::new(),
        _ => return Err("Nothing was chosen to be done.".to_string()),
    };
    let doing = async {
        let done = match act {
            "rename" => match accounts.rename_view(owner, id, &name).await {
                Ok(Renamed::Taken) => {
                    return Err("Another view of yours has this name.".to_string());
                }
                Ok(Renamed::Yes) => Ok(true),
                Ok(Renamed::Missing) => Ok(false),
                Err(error) => Err(error),
            },
            "share" => accounts.share_view(owner, id, true).await,
            "unshare" => accounts.share_view(owner, id, false).await,
            _ => accounts.remove_view(owner, id).await,
        };
        match done.map_err(|error| store_is_away(&error).to_string())? {
            true => Ok(()),
            false => Err(MISSING.to_string()),
        }
    };
    let entry = views::entry(visitor, act, &id.to_string());
    site.recorded(visitor, vec![entry], doing).await?;
    Ok(match act {
        "rename" => format!("It is called {name} now."),
        "share" => "Everyone who sees at least what you see has this view now.".to_string(),
        "unshare" => "You have this view for yourself now.".to_string(),
        _ => "The view is removed.".to_string(),
    })
}

const MISSING: &str = "You have no such view.";
